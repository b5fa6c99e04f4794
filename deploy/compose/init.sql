-- The role and the database of the load. The password is «poolproof», stored as in userlist.txt.
CREATE ROLE app LOGIN PASSWORD 'SCRAM-SHA-256$4096:cG9vbHByb29mLWRlbW8tLQ==$93nx9sGmXfe2Dv3SAbo8EkKNfyAzBTDJ4iccy+tPobM=:Oq8oMdkF/y4qxVUGAUSkmt87zrE3/N6RM0s388s7F1Q=';

CREATE DATABASE app OWNER app;
