-- The publication that replication readers stream: inserts into the log, nothing else.
do $publication$
begin
  if not exists (select from pg_catalog.pg_publication where pubname = 'ablo_delta') then
    create publication ablo_delta for table ablo.delta
      with (publish = 'insert', publish_via_partition_root = true);
  end if;
end
$publication$;
