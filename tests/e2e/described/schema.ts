import { relations, sql } from 'drizzle-orm';
import { type AnyPgColumn, boolean, check, index, integer, jsonb, numeric, pgEnum, pgSchema,
  pgTable, pgView, primaryKey, serial, text, timestamp, uniqueIndex, uuid, varchar,
} from "drizzle-orm/pg-core";

export const moodEnum = pgEnum('mood', ['sad', 'ok', "it's"]);
export const audit = pgSchema("audit");

/* Who uses it; "quotes" and { brackets } in a comment. */
export const users = pgTable('users', {
  id: uuid('id').primaryKey().defaultRandom(),
  email: varchar('email', { length: 255 }).notNull().unique(),
  mood: moodEnum('mood').default('ok').notNull(),
  age: integer(),
  price: numeric('price', { precision: 10, scale: 2 }).default('1.50'),
  active: boolean('active').notNull().default(true),
  settings: jsonb('settings').$type<{ theme: string }>().default({}),
  tags: text('tags').array().notNull().default([]),
  createdAt: timestamp('created_at', { withTimezone: true, precision: 6 }).notNull().defaultNow(),
  note: text('note').default(sql`'a' || 'b'`),
  slug: text('slug').$defaultFn(() => createId()),
  inviterId: uuid('inviter_id').references((): AnyPgColumn => users.id),
}, (t) => [
  uniqueIndex('users_email_idx').on(t.email),
  index('users_mood_idx').on(t.mood, t.age).where(sql`${t.age} is not null`),
  check('age_positive', sql`${t.age} > 0`),
]);

export const posts = pgTable("posts", {
  id: serial("id").primaryKey(),
  title: text("title").notNull(),
  authorId: uuid("author_id").notNull().references(() => users.id, { onDelete: 'cascade' }),
}, (table) => ({ byAuthor: index("posts_author").on(table.authorId) }));

export const votes = pgTable("votes", {
  userId: uuid("user_id").references(() => users.id),
  postId: integer("post_id").references(() => posts.id),
}, (t) => [primaryKey({ columns: [t.userId, t.postId] })]);

export const active = pgView("active_users").as((qb) => qb.select().from(users));
export const logs = audit.table("logs", { id: text("id").primaryKey() });
export const usersRelations = relations(users, ({ many }) => ({ posts: many(posts) }));
export type User = typeof users.$inferSelect;
const helper = 5 + 3;
export function now() { return new Date(); }
