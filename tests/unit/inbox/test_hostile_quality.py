"""QualityInfo of any content is a remark at most: it never stops a session."""

import json

from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.inbox.quality import attributes, channel_of, findings

VALUES = st.one_of(st.integers(), st.floats(), st.text(max_size=8), st.none(), st.booleans(), st.just("9" * 5000))
NAMES = ["Channel", "TotalChunks", "TotalVolume", "UncorrectableTFs", "AcquiredTFs", "ErrorTFs", "CorrectedTFs"]
RECORDS = st.lists(st.dictionaries(st.sampled_from(NAMES), VALUES), max_size=3)


@given(RECORDS)
def test_any_record_is_read(records) -> None:
    assert all(channel_of(record) is None or isinstance(channel_of(record), int) for record in records)
    assert all(isinstance(value, int) for value in attributes(records).values())
    assert all(isinstance(remark, str) for remark in findings(records, {1: (2, 1000), 2: (0, 0)}))


def test_infinity_is_no_count() -> None:
    record = json.loads('{"Channel": 1, "AcquiredTFs": Infinity, "TotalVolume": -Infinity, "TotalChunks": NaN}')
    assert attributes([record]) == {}
    assert findings([record], {1: (2, 1000)}) == []
