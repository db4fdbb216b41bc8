"""Streams as other libraries read them; each module needs its library, and nothing else imports it."""
