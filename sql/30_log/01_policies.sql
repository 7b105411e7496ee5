-- A reader of the log sees its own organization; the replication role sees all (it only streams).
do $policies$
begin
  if not exists (select from pg_catalog.pg_policies
                  where schemaname = 'ablo' and tablename = 'delta' and policyname = 'delta_tenant_isolation') then
    create policy delta_tenant_isolation on ablo.delta for select
      using (organization_id = (select nullif(current_setting('app.current_org_id', true), '')));
  end if;
  if not exists (select from pg_catalog.pg_policies
                  where schemaname = 'ablo' and tablename = 'delta' and policyname = 'delta_replication') then
    create policy delta_replication on ablo.delta for select to ablo_replication using (true);
  end if;
end
$policies$;
