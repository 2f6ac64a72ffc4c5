"""Files of accounts in, files of outcomes out: what a bulk job needs around the client."""
