"""The web page: forms, jobs and results for people, and the documentation of the API.

Everything works without JavaScript; the script only makes it livelier. Nothing comes from another
origin, and no page has inline scripts or styles.
"""
