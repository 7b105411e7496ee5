create or replace function ablo.row_seen(p_organization text, p_key ablo.key_rights, p_typename text, p_id text)
returns boolean
language plpgsql stable
as $$
  -- Whether a key may see a row as it is now; a row's claims and activities are visible to the same keys. A
  -- missing row is in its own group only; everyone may see rows without organizations. If a model limits reading, a
  -- missing row is as one that may not be read.
  -- Called by: ablo.claim_seen, ablo.activity_seen, ablo.key_check_claim. EXECUTE: only if a key is limited to
  -- sync groups.
begin
  if p_key.participant is not null and not ablo_model.sees(p_typename, null, null, null) then
    if not ablo_model.sees(p_typename, ablo.row_as_is(p_typename, p_id), null, p_key.participant) then
      return false;
    end if;
  end if;
  if p_key.sync_groups is null or not ablo.key_may(p_key, p_typename, 'read') then
    return ablo.key_may(p_key, p_typename, 'read');
  end if;
  return ablo.key_sees(p_key, p_typename, ablo.row_place(p_organization, p_typename, p_id))
    or exists (select from ablo.model m where m.typename = p_typename and m.org_column is null);
end
$$;
