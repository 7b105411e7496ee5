-- The organizations that have deltas or seals, in order, after p_after: one index probe of each table
-- per organization, however long their logs are. Called by: ablo-pg audit, as an administrator.
create or replace function ablo.audit_organizations(p_after text, p_limit bigint) returns setof text
language sql stable
as $$
  with recursive found (id) as (
    select p_after
    union all
    select least(
        (select d.organization_id from ablo.delta d where d.organization_id > f.id
          order by d.organization_id, d.sync_id limit 1),
        (select s.organization_id from ablo.audit_seal s where s.organization_id > f.id
          order by s.organization_id, s.number limit 1))
      from found f where f.id is not null
  )
  select f.id from found f where f.id is not null offset 1 limit p_limit
$$;
