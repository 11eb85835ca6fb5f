"""The recordings table: calls, conferences and recordings, composed of one class for each.

Every write is conditional and stores a token of its request, so that a retry after a lost response is recognised
(REL-3). Recordings, calls and conferences keep the tokens of their last eight writes; a call or conference that has
ended also keeps the id of the write that ended it.
"""

from tapedeck.adapters.dynamodb.calls import CallTable
from tapedeck.adapters.dynamodb.captures import CaptureTable
from tapedeck.adapters.dynamodb.conferences import ConferenceTable
from tapedeck.adapters.dynamodb.parents import ParentTable
from tapedeck.adapters.dynamodb.recordings import RecordingTable


class ResourceTable(CallTable, ConferenceTable, RecordingTable, CaptureTable, ParentTable):
    """`ports.stores.Store` on DynamoDB."""
