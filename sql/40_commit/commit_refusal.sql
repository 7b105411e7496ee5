create or replace function ablo.commit_refusal(p_organization text, p_participant text, p_request jsonb) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $$
  -- Other reasons to refuse a commit that failed on its data: another participant's claim, a fence, or a changed
  -- premise. These are reported first; but checking them before every write would slow down those that succeed.
  -- Raises what it finds, in that order; returns if there is nothing.
  -- Called by: clients, after a commit failed on its data. Locks: none. Raises: entity_claimed, claim_lost,
  -- fence_token_stale, stale_context, and the errors of ablo.commit_check.
declare
  v_found text;
  v_none constant bigint := 9223372036854775807;  -- nothing in the log is this commit's own
  v_operation jsonb;
  v_model text;
  v_policy text;
begin
  v_found := ablo.identity_set(p_organization, p_participant);  -- here: undone with the block
  perform ablo.commit_check('-', p_request);
  for v_operation in select o from jsonb_array_elements(coalesce(nullif(p_request -> 'operations', 'null'), '[]')) o loop
    v_model := ablo_model.resolve(v_operation ->> 'model');
    continue when v_model is null or v_operation ->> 'id' is null
      or not ablo_model.sees(v_model, null, null, null)
        and not ablo.row_seen(p_organization, ablo.key_acting(), v_model, v_operation ->> 'id');
    v_policy := ablo.stale_word(ablo_model.conflict(v_model, split_part(p_participant, ':', 1)));
    continue when v_policy = 'notify';  -- it would be held back, not refused
    perform ablo.claim_guard(p_organization, p_participant, v_model, v_operation ->> 'id', v_operation, v_policy, v_none);
  end loop;
  perform ablo.premise_check(p_organization, p_participant, p_request, v_none, false);
  perform ablo.identity_restore(v_found, null::text);
exception when sqlstate 'AB0HD' then
  null;  -- it would be held, not refused
end
$$;
