create or replace function ablo.claim_deal(p_organization text, p_queue text[]) returns void
language plpgsql volatile
as $$
  -- Reassign the tickets of a queue's claims, in the order of p_queue, and notify the waiters.
  -- Called by: ablo.claim_reorder, which holds the target.
begin
  update ablo.claim c set ticket = n.ticket
    from (select l.id, t.ticket
            from unnest(p_queue) with ordinality l (id, n)
            join (select x.ticket, row_number() over (order by x.ticket) as n from ablo.claim x
                   where x.organization_id = p_organization and x.id = any (p_queue)) t on t.n = l.n) n
   where c.organization_id = p_organization and c.id = n.id and c.ticket <> n.ticket;
  perform ablo.claim_wake(w, null) from unnest(p_queue) w;
end
$$;
