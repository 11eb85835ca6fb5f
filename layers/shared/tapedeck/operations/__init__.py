"""Use cases of calls, conferences, participants, recordings, transcriptions and accounts."""
