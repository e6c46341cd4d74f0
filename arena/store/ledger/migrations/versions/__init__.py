"""One module a revision; once released, a revision is never changed."""
