create or replace function ablo.audit_unsealed(p_through bigint) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  -- An organization with a delta at or below a sync id that no seal covers; null if all are covered, and if
  -- this database has no seals. Two index probes an organization, however long the logs are.
  -- Called by: ablo.delta_retain, which keeps such deltas; ablo-pg doctor. Locks: none.
  with recursive known (id) as (
    (select d.organization_id from ablo.delta d where d.sync_id <= p_through
      order by d.organization_id, d.sync_id limit 1)
    union all
    select (select d.organization_id from ablo.delta d
             where d.organization_id > k.id and d.sync_id <= p_through
             order by d.organization_id, d.sync_id limit 1)
      from known k where k.id is not null
  )
  select k.id
    from known k
   where exists (select from ablo.audit_seal)
     and exists (
       select from ablo.delta d
        where d.organization_id = k.id and d.sync_id <= p_through
          and d.sync_id > coalesce((select s.last_sync_id from ablo.audit_seal s
                                     where s.organization_id = k.id
                                     order by s.number desc limit 1), 0))
   limit 1
$$;
