-- The database of timelined and who may do what in it. As a superuser, once:
--
--     psql -f config/postgresql/roles.sql
--     timelined db upgrade --storage.url postgresql://timelined_owner@HOST/timelined
--
-- Then give passwords, or entries in pg_hba.conf, to those who log in.

-- Makes the tables, and whatever a later version adds; no daemon runs as it.
CREATE ROLE timelined_owner LOGIN;
-- What a daemon may do: read, append through the functions, and write the lists.
CREATE ROLE timelined_daemon;
-- What erasure and retention may do: the same, and remove content.
CREATE ROLE timelined_erasure;
-- Who logs in. More daemons may share a name, or have one each.
CREATE ROLE timelined LOGIN IN ROLE timelined_daemon;

-- Bytes of text compare the same everywhere, and every character can be stored.
CREATE DATABASE timelined OWNER timelined_owner ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;
\connect timelined
REVOKE ALL ON DATABASE timelined FROM PUBLIC;
GRANT CONNECT ON DATABASE timelined TO timelined_daemon, timelined_erasure;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT CREATE ON SCHEMA public TO timelined_owner;
