create or replace function ablo.claim_pass_over(
  p_organization text, p_model text, p_row_id text, p_caller text, p_holders text[], p_parts text[]
) returns void
language plpgsql volatile
set plan_cache_mode = force_generic_plan
as $$
  -- Grant the waiters that overlap no holder and no earlier waiter, behind one that does. One statement finds the
  -- next, and most are passed over for what holders have, so that a long queue for one field costs a scan.
  -- Called by: ablo.claim_advance. Locks: as there. p_holders: participants; p_parts: what they hold, null for the
  -- whole row. A plan for these values looks cheaper to Postgres, which would make one at each call.
declare
  v_claim ablo.claim;
begin
  loop
    select * into v_claim from ablo.claim c
     where c.organization_id = p_organization and c.model = p_model and c.row_id = p_row_id and c.status = 'queued'
       and c.expires_at > clock_timestamp()
       and (c.participant = any (p_holders) or not ablo.parts_overlap(c.parts, p_parts))
       and not exists (
         select from ablo.claim o
          where o.organization_id = p_organization and o.model = p_model and o.row_id = p_row_id
            and o.status in ('active', 'queued') and (o.status = 'active' or o.ticket < c.ticket)
            and o.expires_at > clock_timestamp()
            and o.participant <> c.participant and ablo.parts_overlap(o.parts, c.parts))
     order by c.ticket limit 1;
    exit when v_claim.id is null;
    if not ablo.claim_readable(v_claim) then
      continue when ablo.claim_end(p_organization, v_claim.id, 'canceled', p_caller);
    end if;
    exit when not ablo.claim_grant(v_claim, p_caller);
    p_holders := p_holders || v_claim.participant;
    p_parts := case when v_claim.parts is not null and p_parts is not null then p_parts || v_claim.parts end;
  end loop;
end
$$;
