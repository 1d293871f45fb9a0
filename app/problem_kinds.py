"""The kinds of problem this service answers with: a stable name, a status, and what to do."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of problem; `slug` is the stable end of its `type`."""

    slug: str
    status: int
    title: str
    about: str

    @property
    def type(self) -> str:
        """What identifies the kind in an answer: a path at which it is explained."""
        return f"/problems/{self.slug}"


KINDS = {
    kind.slug: kind
    for kind in (
        Kind(
            slug="invalid-parameter",
            status=422,
            title="A parameter is missing, unknown or out of range",
            about="Each entry of `errors` names a field, what was sent and what it must respect.",
        ),
        Kind(
            slug="malformed-form",
            status=400,
            title="The body is not multipart/form-data",
            about="The body does not have the form that its Content-Type announces.",
        ),
        Kind(
            slug="unsupported-media-type",
            status=415,
            title="The body must be a form or an image",
            about="Send the image and its parameters as the parts of a form, or the image alone "
            "with its parameters in the query.",
        ),
        Kind(
            slug="body-too-large",
            status=413,
            title="The body is too large",
            about="The limit is in `errors`. Nothing beyond it was read.",
        ),
        Kind(
            slug="body-timeout",
            status=408,
            title="The body took too long to arrive",
            about="Send it again over a faster connection, or send a smaller image.",
        ),
        Kind(
            slug="too-many-uploads",
            status=503,
            title="Too many bytes are being uploaded at a time",
            about="There is room again as soon as others have arrived and were read.",
        ),
        Kind(
            slug="unreadable-image",
            status=422,
            title="The image cannot be read",
            about="It is empty, damaged, too small, or its metadata contradict themselves.",
        ),
        Kind(
            slug="unsupported-image",
            status=415,
            title="Images of this kind are not certified",
            about="PNG, JPEG and WebP stills are; a certificate for guessed pixels would be worse "
            "than none.",
        ),
        Kind(
            slug="image-too-large",
            status=413,
            title="The image is too large",
            about="Too many bytes, or too many pixels; it was not decoded.",
        ),
        Kind(
            slug="job-not-found",
            status=404,
            title="There is no such job",
            about="Its id is wrong, or it was deleted, or it was kept as long as jobs are kept.",
        ),
        Kind(
            slug="model-not-found",
            status=404,
            title="There is no such model",
            about="GET /models lists those that there are.",
        ),
        Kind(
            slug="job-already-finished",
            status=409,
            title="The job has already ended",
            about="A job that has ended otherwise cannot be cancelled; it can be deleted.",
        ),
        Kind(
            slug="certificate-not-ready",
            status=409,
            title="The job has not finished",
            about="Wait for the job: GET /jobs/{id}?wait=30.",
        ),
        Kind(
            slug="no-certificate",
            status=404,
            title="The job ended without a certificate",
            about="It failed, was cancelled or ran into its deadline; the job says which.",
        ),
        Kind(
            slug="certificate-not-proved",
            status=409,
            title="The stored certificate does not follow from its counts",
            about="It is not handed out; the service's log says what is wrong with it.",
        ),
        Kind(
            slug="not-signed",
            status=406,
            title="Certificates are not signed here",
            about="The service has no signing key; ask for application/json.",
        ),
        Kind(
            slug="job-gone",
            status=410,
            title="The job is no more",
            about="It was deleted, or it was kept as long as jobs are kept.",
        ),
        Kind(
            slug="idempotency-conflict",
            status=422,
            title="This key or id was used for another request",
            about="An Idempotency-Key, or the id of a job, names one request; take another.",
        ),
        Kind(
            slug="key-needed",
            status=401,
            title="An API key is needed",
            about="Send it as `Authorization: Bearer dmae_...`; `dmae keys create` makes one.",
        ),
        Kind(
            slug="key-refused",
            status=401,
            title="This API key opens nothing",
            about="It was never made, or was revoked, or has expired.",
        ),
        Kind(
            slug="scope-missing",
            status=403,
            title="This API key may not do that",
            about="The detail names the scope that it takes; a key's scopes are fixed.",
        ),
        Kind(
            slug="too-many-guesses",
            status=429,
            title="Too many wrong API keys",
            about="Retry-After says when keys from this address are looked at again.",
        ),
        Kind(
            slug="over-quota",
            status=429,
            title="Your quota is used up",
            about="`errors` names the limit; Retry-After says when the request should fit.",
        ),
        Kind(
            slug="webhooks-off",
            status=404,
            title="This service sends no webhooks",
            about="APP_WEBHOOK_ALLOW lists to whom it may, and is not set.",
        ),
        Kind(
            slug="delivery-not-found",
            status=404,
            title="There is no such delivery",
            about="GET /jobs/{id}/deliveries lists those that there are, and so for evaluations.",
        ),
        Kind(
            slug="invalid-archive",
            status=422,
            title="The archive cannot be used",
            about="It is damaged, or holds what no folder of images needs; `errors` names it.",
        ),
        Kind(
            slug="evaluation-too-large",
            status=413,
            title="The evaluation is too large",
            about="It has more images, bytes or draws than one may have; `errors` names the limit.",
        ),
        Kind(
            slug="too-many-evaluations",
            status=429,
            title="You have as many evaluations under way as you may",
            about="Retry-After says when one of them should have ended.",
        ),
        Kind(
            slug="evaluations-full",
            status=503,
            title="Too many images wait for their turn",
            about="There will be room when some of them are being evaluated.",
        ),
        Kind(
            slug="evaluation-not-found",
            status=404,
            title="There is no such evaluation",
            about="Its id is wrong, or it is somebody else's.",
        ),
        Kind(
            slug="evaluation-gone",
            status=410,
            title="The evaluation is no longer kept",
            about="It was deleted, or it ended more than a week ago.",
        ),
        Kind(
            slug="evaluation-already-finished",
            status=409,
            title="The evaluation has already ended",
            about="One that has ended otherwise cannot be cancelled; it can be deleted.",
        ),
        Kind(
            slug="queue-full",
            status=503,
            title="Too many draws are waiting",
            about="Retry-After says when a job of this size should fit.",
        ),
        Kind(
            slug="store-unavailable",
            status=503,
            title="Redis cannot be reached",
            about="Nothing was lost; the service recovers by itself when Redis is back, or has "
            "room again where its memory was full.",
        ),
        Kind(
            slug="not-ready",
            status=503,
            title="The service is not ready",
            about="The process runs, and something it needs does not yet.",
        ),
        Kind(
            slug="host-not-allowed",
            status=421,
            title="This host name is not served here",
            about="APP_ALLOWED_HOSTS lists those that are, against DNS rebinding.",
        ),
        Kind(
            slug="cross-site-request",
            status=403,
            title="Pages of other sites may not do this",
            about="A browser sent this request for a page of another origin.",
        ),
        Kind(
            slug="not-found",
            status=404,
            title="There is nothing at this path",
            about="GET /docs shows the paths.",
        ),
        Kind(
            slug="method-not-allowed",
            status=405,
            title="This path has other methods",
            about="The Allow header names them.",
        ),
        Kind(
            slug="head-too-large",
            status=431,
            title="The head of the request is too large",
            about="Its target and headers together may have 32 KiB.",
        ),
        Kind(
            slug="head-timeout",
            status=408,
            title="The head of the request took too long to arrive",
            about="Send it in one piece.",
        ),
        Kind(
            slug="bad-request",
            status=400,
            title="The request cannot be answered",
            about="The detail says why.",
        ),
        Kind(
            slug="internal-error",
            status=500,
            title="The service made a mistake",
            about="The request_id finds it in the service's log.",
        ),
    )
}
