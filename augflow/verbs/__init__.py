"""One small file for each verb: it reads what was asked, calls the library, and shows what came of it."""
