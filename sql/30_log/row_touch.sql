-- Move updated_at when a writer did not: readers take a row for news only if it is newer.
-- Called by: zz_ablo_touch, before an update that leaves updated_at as it was.
create or replace function ablo.row_touch() returns trigger
language plpgsql volatile
set search_path = ''
as $$
begin
  new.updated_at := greatest(clock_timestamp(), old.updated_at + interval '1 millisecond');
  return new;
end
$$;
