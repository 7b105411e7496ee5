create or replace function ablo.row_id(p_type text, p_id text) returns text
language plpgsql immutable
as $$
  -- The canonical name of a row: its id in the id column's spelling, which the log, claims and premises use. An
  -- upper-case uuid, a number with a sign, and blanks after a char(n) name the same row, and must find the same
  -- claims and deltas. Text that is not an id of the type is returned unchanged: there is no such row.
  -- Called by: reads, premises, tracks and claims; a write refuses other spellings itself. p_type:
  -- ablo.model.id_type. Locks: none.
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
