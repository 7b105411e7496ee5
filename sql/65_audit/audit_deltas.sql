-- An organization's deltas after a sync id, in order, unchecked: sealing and verifying. Small enough to
-- be inlined, so that the caller streams an index scan and no result is held on the server.
-- Called by: ablo-pg audit, as an administrator. Locks: none.
create or replace function ablo.audit_deltas(p_organization text, p_after bigint, p_through bigint, p_limit bigint)
returns setof ablo.delta
language sql stable
as $$
  select d.* from ablo.delta d
   where d.organization_id = p_organization and d.sync_id > p_after and d.sync_id <= p_through
   order by d.sync_id
   limit p_limit
$$;
