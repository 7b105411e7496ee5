"""Pass: the tests of JSON values that all models share, and the refusal that names the problem.

The tests are plain SQL functions without a SET clause: the planner inlines them into the write
functions' one validity expression. Each is true, false, or NULL for an absent key.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ablo_pg.compile.forms import Function
from ablo_pg.compile.names import literal
from ablo_pg.compile.plan import SchemaPlan

_YEAR_LEAP: Final = "([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29"
_YEAR_ANY: Final = (
    "[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])"
    "|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
)
_DATE: Final = f"(?!0000)({_YEAR_ANY}|{_YEAR_LEAP})"
_TIME: Final = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?"
_OFFSET: Final = r"(Z|[+-](0[0-9]|1[0-5]):?[0-5][0-9])"
_UUID: Final = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_DECIMAL: Final = "[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)"
_EXPONENT: Final = "([eE][+-]?[0-9]{1,6})?"

_ABSENT: Final = "v is null and null"  # NULL for an absent key, false for a wrong value
_FLOAT_MAX: Final = "1.7976931348623157e308"
_FLOAT_MIN: Final = "5e-324"


def _number(*tests: str) -> str:
    body = "\n      and ".join(tests)
    return f"case jsonb_typeof(v)\n    when 'number' then {body}\n    else {_ABSENT}\n  end"


def _string_like(pattern: str) -> str:
    return f"jsonb_typeof(v) = 'string' and v #>> '{{}}' ~ '^({pattern})$'"


_TESTS: Final[dict[str, str]] = {
    "string": "jsonb_typeof(v) = 'string'",
    "boolean": "jsonb_typeof(v) = 'boolean'",
    "json": "jsonb_typeof(v) <> 'null' and ablo.json_fits(v)",
    "integer": _number(
        "v::numeric between -9223372036854775808 and 9223372036854775807", "v::numeric % 1 = 0"
    ),
    "number": _number(
        f"v::numeric between -{_FLOAT_MAX} and {_FLOAT_MAX}",
        f"(v::numeric = 0 or abs(v::numeric) >= {_FLOAT_MIN})",
    ),
    "decimal": (
        f"case when {_string_like(_DECIMAL + _EXPONENT)}\n"
        "    then octet_length(v #>> '{}') < 300 and v #>> '{}' !~* 'e'\n"
        "      or ablo_model.decimal_fits(v #>> '{}')\n"
        f"    else {_ABSENT}\n  end"
    ),
    "uuid": _string_like(_UUID),
    "date": _string_like(_DATE),
    "datetime": (
        f"case when {_string_like(f'{_DATE}[T ]{_TIME}{_OFFSET}')}\n"
        "    then (v #>> '{}')::timestamptz between '0001-01-01 00:00:00+00'\n"
        "      and '9999-12-31 23:59:59.999999+00'\n"
        f"    else {_ABSENT}\n  end"
    ),
}
_TAKES: Final = {
    "string": ("a string", "send a JSON string"),
    "boolean": ("a boolean", "send true or false, not a string or a number"),
    "json": (
        "a JSON value of at most 128 levels, its numbers within double precision",
        "send any such value but null; carry larger numbers in strings",
    ),
    "integer": ("an integer", "send a JSON number without a fraction, within 64 bits"),
    "number": (
        "a number",
        "send a JSON number within double precision; JSON has no NaN or Infinity",
    ),
    "decimal": ("a decimal", 'send the digits as a JSON string, such as "12.50"'),
    "uuid": ("a UUID", 'send a string such as "123e4567-e89b-12d3-a456-426614174000"'),
    "date": ("a date", 'send a string such as "2026-01-31"'),
    "datetime": (
        "a date and time with an offset",
        'send a string such as "2026-01-31T12:00:00Z"',
    ),
}


def support(schema: SchemaPlan) -> Iterator[str]:
    """Emit the tests of values and `ablo_model.write_check`."""
    yield from Function(
        name="ablo_model.decimal_fits",
        args=["p_digits text"],
        returns="boolean",
        language="sql",
        volatility="immutable",
        body=_DECIMAL_FITS,
    ).sql()
    for name, test in _TESTS.items():
        yield from Function(
            name=f"ablo_model.is_{name}",
            args=["v jsonb"],
            returns="boolean",
            language="sql",
            volatility="stable" if name == "datetime" else "immutable",
            pinned=False,
            body=f"  select {test}",
        ).sql()
    yield from Function(
        name="ablo_model.value_fits",
        args=["p_field jsonb", "p_value jsonb"],
        returns="boolean",
        language="sql",
        volatility="stable",
        body=_VALUE_FITS,
    ).sql()
    yield from Function(
        name="ablo_model.field_refuse",
        args=["p_code text", "p_model text", "p_field text", "p_problem text", "p_hint text"],
        returns="void",
        body=_FIELD_REFUSE,
    ).sql()
    yield from Function(
        name="ablo_model.write_check",
        args=["p_model text", "p_fields jsonb", "p_action text", "p_id text", "p_data jsonb"],
        returns="boolean",
        body=_WRITE_CHECK,
    ).sql()


_CASES: Final = "\n".join(
    f"    when {literal(name)} then ablo_model.is_{name}(p_value)" for name in _TESTS
)
_VALUE_FITS: Final = f"""\
  select case p_field ->> 'type'
    when 'enum' then p_field -> 'values' @> p_value and jsonb_typeof(p_value) = 'string'
{_CASES}
  end"""

# numeric holds 131072 digits before the point and 16383 after it.
# https://www.postgresql.org/docs/current/datatype-numeric.html
_DECIMAL_FITS: Final = """\
  select whole + exponent <= 131072 and fraction - exponent <= 16383
  from (
    select
      length(substring(p_digits from '^[+-]?0*([0-9]*)')) as whole,
      length(coalesce(substring(p_digits from '[.]([0-9]*)'), '')) as fraction,
      coalesce(substring(p_digits from '[eE]([+-]?[0-9]+)$')::int, 0) as exponent
  ) d"""

_FIELD_REFUSE: Final = """\
begin
  perform ablo.raise_error(p_code, p_model || '.' || left(p_field, 80) || ' ' || p_problem, p_hint,
    jsonb_build_object('model', p_model, 'field', left(p_field, 80)));
end"""

_HINTS: Final = "\n".join(
    f"    when {literal(name)} then array[{literal(what)}, {literal(hint)}]"
    for name, (what, hint) in _TAKES.items()
)
_WRITE_CHECK: Final = f"""\
-- Finds what a write function's test has refused, and raises the error that says so. Returns when
-- all is well after all: the test sends everything above 1 MB here.
declare
  v_field text;
  v_spec jsonb;
  v_value jsonb;
  v_takes text[];
begin
  if nullif(current_setting('app.current_org_id', true), '') is null then
    perform ablo.raise_error('identity_missing_organization', 'no organization is set',
      'write through ablo.commit, which sets it');
  end if;
  if p_id is null or p_id = '' or octet_length(p_id) > 255 then
    perform ablo.raise_error('invalid_id',
      format('%s: the id %s is not a text of 1 to 255 bytes', p_model,
        coalesce(quote_literal(left(p_id, 40)), 'NULL')),
      'give the row a shorter id, such as a UUID', jsonb_build_object('model', p_model));
  end if;
  if p_data is null or jsonb_typeof(p_data) <> 'object' then
    perform ablo.raise_error('invalid_request',
      format('%s: data is %s, not an object', p_model, coalesce(jsonb_typeof(p_data), 'missing')),
      'send an object of field names and values', jsonb_build_object('model', p_model));
  end if;
  for v_field, v_value in select * from jsonb_each(p_data) loop
    v_spec := p_fields -> v_field;
    if v_spec is null then
      perform ablo_model.field_refuse('unknown_field', p_model, v_field,
        case when v_field in ('id', 'createdAt', 'updatedAt', 'organizationId', 'createdBy',
                              'archivedAt')
          then 'is kept by the database and cannot be written'
          else 'is not a field of the model'
        end,
        case v_field
          when 'id' then 'pass the id next to data, not in it'
          when 'archivedAt' then 'use the archive and unarchive actions'
          else 'leave it out; the fields are: ' || (
            select left(coalesce(string_agg(k, ', ' order by k), 'none'), 500)
            from jsonb_object_keys(p_fields) k)
        end);
    elsif jsonb_typeof(v_value) = 'null' then
      if (v_spec ->> 'required')::boolean then
        perform ablo_model.field_refuse('not_null_violation', p_model, v_field,
          'is required and cannot be null', 'send a value, or leave the field out of an update');
      end if;
    elsif octet_length(v_value #>> '{{}}') > 1048576 then
      perform ablo_model.field_refuse('request_too_large', p_model, v_field,
        format('is %s bytes long; 1048576 is the most', octet_length(v_value #>> '{{}}')),
        'store large content elsewhere and keep a reference to it here');
    elsif not ablo_model.value_fits(v_spec, v_value) then
      v_takes := case v_spec ->> 'type'
{_HINTS.replace("    when", "        when")}
        else array['one of ' || left((v_spec -> 'values')::text, 200),
          'send one of the listed values']
      end;
      perform ablo_model.field_refuse(
        case when v_spec ->> 'type' = 'enum' and jsonb_typeof(v_value) = 'string'
          then 'check_violation' else 'column_type_mismatch' end,
        p_model, v_field,
        format('takes %s, got the %s %s',
          v_takes[1], jsonb_typeof(v_value), left(v_value::text, 40)),
        v_takes[2]);
    end if;
  end loop;
  if p_action = 'create' then
    for v_field in
      select f.key from jsonb_each(p_fields) f
      where (f.value ->> 'required')::boolean and not f.value ? 'default' and not p_data ? f.key
      order by f.key
    loop
      perform ablo_model.field_refuse('not_null_violation', p_model, v_field,
        'is required and missing', 'send a value for it');
    end loop;
  end if;
  return true;
end"""
