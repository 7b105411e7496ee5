create or replace function ablo.key_require(p_key ablo.key_rights, p_typename text, p_verb text) returns void
language plpgsql volatile
as $$
  -- Refuse an operation that the key does not have.
  -- Called by: ablo.key_check_commit, ablo.key_check_read, ablo.key_check_claim. Raises:
  -- capability_scope_denied.
begin
  if ablo.key_may(p_key, p_typename, p_verb) then
    return;
  end if;
  perform ablo.raise_error('capability_scope_denied',
    format('the key may not %s %s', p_verb, p_typename),
    format('use a key whose operations include %s.%s', lower(p_typename), p_verb),
    jsonb_build_object('model', p_typename, 'operation', p_verb));
end
$$;
