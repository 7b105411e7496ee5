-- How many deltas of an organization lie after a sync id: what no seal covers yet.
-- Called by: ablo-pg audit, as an administrator. Counts in the primary key.
create or replace function ablo.audit_unsealed(p_organization text, p_after bigint) returns bigint
language sql stable
as $$
  select count(*) from ablo.delta d where d.organization_id = p_organization and d.sync_id > p_after
$$;
