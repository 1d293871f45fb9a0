"""What can be wrong with a certificate, or with a key that one is signed with.

CertificateError
+-- Malformed         not the text of a certificate: no JSON, two members of one name, other bytes
+-- SignatureRefused  signed in another way, by an unknown key, or not by that key
+-- DoesNotVerify     a stored certificate says what its counts do not prove
+-- NotSigned         a signed form is asked for where nothing signs
KeyUnusable           a file of keys cannot be read, or may be read by others
"""


class CertificateError(Exception):
    """Root of the errors about certificates."""


class Malformed(CertificateError):
    """The bytes are not those of a certificate."""


class SignatureRefused(CertificateError):
    """A signature that is not one of the service's, or of another text."""


class DoesNotVerify(CertificateError):
    """A certificate in the store does not follow from its own counts; it is not handed out."""


class NotSigned(CertificateError):
    """A signed form is asked for, and this service has no key."""


class KeyUnusable(Exception):
    """A key, or a directory of keys, that cannot be used."""
