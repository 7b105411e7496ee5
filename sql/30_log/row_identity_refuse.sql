-- Refuse to change a row's id or organization: to every subscriber that would be another row.
-- Called by: guard triggers. Raises: row_identity_immutable.
create or replace function ablo.row_identity_refuse(p_schema text, p_table text) returns void
language plpgsql stable
as $$
begin
  perform ablo.raise_error('row_identity_immutable',
    format('the id and the organization of a row of %I.%I cannot change', p_schema, p_table),
    'insert the row under its new identity and delete the old one, in one transaction');
end
$$;
