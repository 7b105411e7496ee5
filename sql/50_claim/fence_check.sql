create or replace function ablo.fence_check(p_organization text, p_model text, p_row_id text, p_token jsonb) returns void
language plpgsql volatile
as $$
  -- Refuse a fencing token below the target's high-water mark: there was a later grant.
  -- Called by: ablo.claim_guard. Raises: fence_token_stale, invalid_request.
declare
  v_high bigint;
begin
  if jsonb_typeof(p_token) <> 'number' then
    perform ablo.raise_error('invalid_request', format('fenceToken cannot be %s', left(p_token::text, 40)),
      'pass the number that came with the grant', '{"field": "fenceToken"}');
  end if;
  -- A deleted target had its last grant at or below the floor.
  v_high := coalesce(
    (select t.fence_token from ablo.claim_target t
      where t.organization_id = p_organization and t.model = p_model and t.row_id = p_row_id and t.fence_token > 0),
    (select f.fence_token + 1 from ablo.claim_floor f where f.fence_token > 0), 0);
  if p_token::numeric < v_high then
    perform ablo.raise_error('fence_token_stale',
      format('fencing token %s for %s %s is stale: the row was granted again since', p_token, p_model, left(p_row_id, 80)),
      'the claim was lost: claim the row again',
      jsonb_build_object('model', p_model, 'id', p_row_id, 'fenceToken', p_token));
  end if;
end
$$;
