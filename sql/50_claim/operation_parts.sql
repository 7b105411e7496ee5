create or replace function ablo.operation_parts(p_operation jsonb) returns text[]
language plpgsql immutable
as $$
  -- The part of the row that an operation touches, as claims name it: an update its fields, anything
  -- else the whole row (null). Called by: ablo.claim_guard, ablo.commit_apply.
begin
  return case when lower(p_operation ->> 'action') = 'update'
    then array(select lower(k) from jsonb_object_keys(coalesce(nullif(p_operation -> 'data', 'null'), '{}')) k) end;
end
$$;
