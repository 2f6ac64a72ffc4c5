"""Whatever bytes come back, a row's decoder gives an `Answer` or raises `InvalidReply`, and nothing else."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tim_async.endpoints import ENDPOINTS, Answer, Endpoint
from tim_async.errors import InvalidReply

every_row = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: f"{endpoint.group}.{endpoint.method}")
# Many rows, so few examples for each: most readers are shared.
few = settings(max_examples=40, deadline=None)

SECRET = "eJwtzE"
ECHO = f"https://console.tim.qq.com/v4/x?sdkappid=1&usersig={SECRET}&random=1"


def field_names() -> list[str]:
    """Every field name that stands anywhere in the structs of the replies."""
    from tim_async import wire

    structs = [value for value in vars(wire).values() if isinstance(value, type) and issubclass(value, msgspec.Struct)]
    return sorted({name for struct in structs for name in struct.__struct_encode_fields__})


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(["0", "70107", "", "usersig=", ECHO, 0, 70107, -1, 10**30]),
)
names = st.one_of(st.sampled_from(field_names()), st.text(max_size=4), st.just("usersig="))
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=5),
    max_leaves=12,
)
replies = st.builds(
    lambda code, fields: {**code, **fields},
    st.fixed_dictionaries({}, optional={"ErrorCode": st.one_of(st.integers(), scalars)}),
    st.dictionaries(names, values, max_size=6),
)
