CREATE SCHEMA "audit";
CREATE TYPE "public"."mood" AS ENUM('sad', 'ok', 'it''s');
CREATE TABLE "users" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"email" varchar(255) NOT NULL,
	"mood" "mood" DEFAULT 'ok' NOT NULL,
	"age" integer,
	"price" numeric(10, 2) DEFAULT '1.50',
	"active" boolean DEFAULT true NOT NULL,
	"settings" jsonb DEFAULT '{}'::jsonb,
	"tags" text[] DEFAULT '{}' NOT NULL,
	"created_at" timestamp (6) with time zone DEFAULT now() NOT NULL,
	"note" text DEFAULT 'a' || 'b',
	"slug" text,
	"inviter_id" uuid,
	CONSTRAINT "users_email_unique" UNIQUE("email"),
	CONSTRAINT "age_positive" CHECK ("users"."age" > 0)
);
CREATE TABLE "posts" (
	"id" serial PRIMARY KEY NOT NULL,
	"title" text NOT NULL,
	"author_id" uuid NOT NULL
);
CREATE TABLE "votes" (
	"user_id" uuid,
	"post_id" integer,
	CONSTRAINT "votes_user_id_post_id_pk" PRIMARY KEY("user_id","post_id")
);
CREATE TABLE "audit"."logs" ("id" text PRIMARY KEY NOT NULL);
ALTER TABLE "users" ADD CONSTRAINT "users_inviter_id_users_id_fk" FOREIGN KEY ("inviter_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;
ALTER TABLE "posts" ADD CONSTRAINT "posts_author_id_users_id_fk" FOREIGN KEY ("author_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;
ALTER TABLE "votes" ADD CONSTRAINT "votes_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;
ALTER TABLE "votes" ADD CONSTRAINT "votes_post_id_posts_id_fk" FOREIGN KEY ("post_id") REFERENCES "public"."posts"("id") ON DELETE no action ON UPDATE no action;
CREATE UNIQUE INDEX "users_email_idx" ON "users" USING btree ("email");
CREATE INDEX "users_mood_idx" ON "users" USING btree ("mood","age") WHERE "users"."age" is not null;
CREATE INDEX "posts_author" ON "posts" USING btree ("author_id");
CREATE VIEW "public"."active_users" AS (select "id" from "users");
