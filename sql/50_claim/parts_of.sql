create or replace function ablo.parts_of(p_fields text[]) returns text[]
language plpgsql immutable
as $$
  -- Field names as parts are compared: lower case; null, the whole row, stays null.
  -- Called by: ablo.claim_acquire, ablo.claim_list.
begin
  return case when p_fields is not null then array(select distinct lower(f) from unnest(p_fields) f order by 1) end;
end
$$;
