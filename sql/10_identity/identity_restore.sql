create or replace function ablo.identity_restore(p_found text, p_answer anyelement) returns anyelement
language plpgsql volatile
as $$
  -- Restore the identity settings that ablo.identity_set found, and return p_answer: `return
  -- ablo.identity_restore(v_found, ...)` is how an entry point ends, so that a caller's own transaction goes on as
  -- itself. An error needs none: settings are rolled back with its savepoint. (SET clauses would do it, but only a
  -- superuser may name a custom setting in one.)
  -- Called by: every routine that calls ablo.identity_set. Locks: none.
declare
  v_done text;  -- an assignment runs no query
  v_found jsonb;
  v_mapped jsonb := ablo_model.session_settings();
begin
  if p_found <> '' then
    v_found := p_found;
    v_done := set_config('app.current_org_id', v_found ->> 0, true) || set_config('app.current_participant_id', v_found ->> 1, true)
      || set_config('app.current_participant_kind', v_found ->> 6, true) || set_config('app.current_user_id', v_found ->> 7, true);
    v_done := set_config('ablo.on_behalf_of', v_found ->> 2, true);
    v_done := set_config('ablo.capability_id', v_found ->> 3, true);
    v_done := set_config('ablo.transaction_ids', v_found ->> 4, true);
    v_done := set_config('ablo.claims', v_found ->> 5, true);
    v_done := case when v_mapped is not null then ablo.settings_put(v_found -> 8) end;
    return p_answer;
  end if;
  v_done := set_config('app.current_org_id', '', true) || set_config('app.current_participant_id', '', true)
    || set_config('app.current_participant_kind', '', true) || set_config('app.current_user_id', '', true);
  if v_mapped is not null then
    v_done := ablo.settings_put((select jsonb_object_agg(n, '') from jsonb_object_keys(v_mapped) n));
  end if;
  if current_setting('ablo.on_behalf_of', true) <> '' or current_setting('ablo.capability_id', true) <> ''
    or current_setting('ablo.transaction_ids', true) <> '' or current_setting('ablo.claims', true) <> ''
  then
    v_done := set_config('ablo.on_behalf_of', '', true);
    v_done := set_config('ablo.capability_id', '', true);
    v_done := set_config('ablo.transaction_ids', '', true);
    v_done := set_config('ablo.claims', '', true);
  end if;
  return p_answer;
end
$$;
