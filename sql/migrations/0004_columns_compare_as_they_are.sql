-- What a literal is cast to is the column's type, not the field's: see ablo.field_compared.
drop function if exists ablo.field_type_sql(text);
