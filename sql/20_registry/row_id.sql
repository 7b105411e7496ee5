-- The one name of a row: its id as the id column spells it, as the log, claims and premises know it. A
-- uuid in capitals, a number with a sign, blanks behind a char(n) find the same row, and must find the same
-- claims and deltas. Text that is no id of the type comes back as it is: there is no such row.
-- Called by: reads, premises, tracks and claims; a write refuses another spelling by itself. p_type:
-- ablo.model.id_type. Locks: none.
create or replace function ablo.row_id(p_type text, p_id text) returns text
language plpgsql immutable
as $$
begin
  if p_type = 'text' then
    return p_id;
  end if;
  begin
    return case p_type when 'uuid' then p_id::uuid::text when 'bigint' then p_id::bigint::text when 'bpchar' then p_id::bpchar::text
                       else p_id end;
  exception when data_exception then
    return p_id;
  end;
end
$$;
