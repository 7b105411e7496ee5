create or replace function ablo.key_may(p_key ablo.key_rights, p_typename text, p_verb text) returns boolean
language sql immutable
as $$
  -- Whether a key's operations allow a verb (read, create, update, delete) on a model. They are stored in
  -- lower case, as `<typename>.<verb>` or `*.<verb>`; null allows all. No key (a null record): all.
  -- The one definition of it; relays mirror it in ablo_pg.changefeed.view. Called by: ablo.key_sees, ablo.key_require,
  -- ablo.key_check_claim.
  select p_key.operations is null
    or array[lower(p_typename) || '.' || lower(p_verb), '*.' || lower(p_verb)] && p_key.operations
$$;
