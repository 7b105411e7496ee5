-- Refuse a fencing token below the target's high-water mark: somebody was granted after its holder.
-- Called by: ablo.claim_guard. Raises: fence_token_stale, invalid_request.
create or replace function ablo.fence_check(p_organization text, p_model text, p_row_id text, p_operation jsonb) returns void
language plpgsql volatile
as $$
declare
  v_high bigint;
begin
  if jsonb_typeof(p_operation -> 'fenceToken') <> 'number' then
    perform ablo.raise_error('invalid_request', format('fenceToken cannot be %s', left(p_operation ->> 'fenceToken', 40)),
      'pass the number that came with the grant', '{"field": "fenceToken"}');
  end if;
  select t.fence_token into v_high from ablo.claim_target t
   where t.organization_id = p_organization and t.model = p_model and t.row_id = p_row_id;
  if (p_operation ->> 'fenceToken')::numeric < v_high then
    perform ablo.raise_error('fence_token_stale',
      format('fencing token %s for %s %s is below %s', p_operation ->> 'fenceToken', p_model, left(p_row_id, 80), v_high),
      'the claim was lost to a later one: claim the row anew',
      jsonb_build_object('model', p_model, 'id', p_row_id, 'fenceToken', v_high));
  end if;
end
$$;
