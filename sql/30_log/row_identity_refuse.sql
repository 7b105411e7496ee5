-- Refuse to change a row's id or organization: to every subscriber that would be another row.
-- Called by: zz_ablo_identity. Raises: row_identity_immutable.
create or replace function ablo.row_identity_refuse() returns trigger
language plpgsql stable
set search_path = ''
as $$
begin
  perform ablo.raise_error('row_identity_immutable',
    format('the id and the organization of a row of %I.%I cannot change', tg_table_schema, tg_table_name),
    'insert the row under its new identity and delete the old one, in one transaction');
  return null;
end
$$;
