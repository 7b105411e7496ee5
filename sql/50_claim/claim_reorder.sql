-- Move waiters to the head of a row's line, in the order given; the rest keep theirs. Privileged: the
-- client checks authority at its door, and the change is told to everybody who waits.
-- p_order: [{claimId}] or [claim id]. Called by: clients. Locks: the target's claims. Raises: claim_not_found.
create or replace function ablo.claim_reorder(
  p_organization text, p_participant text, p_model text, p_id text, p_order jsonb
) returns void
language plpgsql volatile security definer
set search_path = ''
as $$
declare
  v_model ablo.model := ablo.read_model(p_organization, p_participant, p_model);
  v_wanted text[] := array(select coalesce(e ->> 'claimId', e #>> '{}') from jsonb_array_elements(p_order) e);
  v_line text[];
  v_unknown text;
begin
  perform ablo.claim_target_lock(p_organization, v_model.typename, p_id);
  perform ablo.claim_advance(p_organization, v_model.typename, p_id);
  select array_agg(c.id order by array_position(v_wanted, c.id) nulls last, c.ticket) into v_line
    from ablo.claim c
   where c.organization_id = p_organization and c.model = v_model.typename and c.row_id = p_id and c.status = 'queued';
  select w into v_unknown from unnest(v_wanted) w where w <> all (coalesce(v_line, '{}')) limit 1;
  if v_unknown is not null then
    perform ablo.raise_error('claim_not_found',
      format('claim %L does not wait for %s %s', left(v_unknown, 80), v_model.key, left(p_id, 80)),
      'read the queue again and reorder what is in it', jsonb_build_object('claimId', left(v_unknown, 80)));
  end if;
  -- The same tickets, dealt out anew.
  update ablo.claim c set ticket = n.ticket
    from (select l.id, t.ticket
            from unnest(v_line) with ordinality l (id, n)
            join (select x.ticket, row_number() over (order by x.ticket) as n from ablo.claim x
                   where x.organization_id = p_organization and x.id = any (v_line)) t on t.n = l.n) n
   where c.organization_id = p_organization and c.id = n.id;
  perform ablo.claim_wake(w) from unnest(v_line) w;
end
$$;
