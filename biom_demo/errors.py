"""The exceptions a caller may see, drawn as a tree.

    BioMError
     +-- InputError          what the user gave cannot be used; the message says what to do
     |    +-- DataError      a file or JSON document is not of the form it should have
     |    +-- BusyError      it cannot be used just now: too many ask, or the server restarts
     |    +-- OutOfTimeError it takes more time than one request may; asking for less may do
     +-- CheckpointError     a model cannot be found, fetched, read or trusted
     |    +-- FetchError     the Hub could not be reached, or the download broke off
     |    +-- FetchCancelled the user stopped a download
     +-- PubMedError         PubMed could not be asked
     |    +-- RecordError    its answer, or a stored record, cannot be read
     |    +-- RefusedError   it refuses the request (a wrong key, a malformed query); asking again is no use
     |    +-- PubMedCancelled the user stopped a search
     +-- TrainingError       a run cannot start or go on: foreign state, no examples, full disk

Every message is one or two sentences for a person: what happened, then what to do about it.
"""


class BioMError(Exception):
    """Base of every error this project raises on purpose."""


class InputError(BioMError, ValueError):
    """What the user gave cannot be used."""


class DataError(InputError):
    """A data file is missing, unreadable, or not of the expected form."""


class BusyError(InputError):
    """Too many ask just now, or the server restarts; the same may do later."""


class OutOfTimeError(InputError):
    """What was asked takes more time than one request may."""


class CheckpointError(BioMError):
    """A model cannot be found, read or trusted."""


class FetchError(CheckpointError):
    """The Hub could not be reached, or a download broke off."""


class FetchCancelled(CheckpointError):
    """A download was stopped by the user."""


class PubMedError(BioMError):
    """PubMed could not be asked."""


class RecordError(PubMedError):
    """An answer of PubMed, or a stored record, cannot be read."""


class RefusedError(PubMedError):
    """PubMed refuses the request; asking again is no use."""


class PubMedCancelled(PubMedError):
    """A search was stopped by the user."""


class TrainingError(BioMError):
    """A training run cannot start or go on."""
