// What both processes share: the queue's name and how to reach Redis.
import * as ioredis from "ioredis";

const Redis = ioredis.Redis ?? ioredis.default;
export const QUEUE = "bench";
export const connect = () => new Redis(process.env.REDIS_URL, { maxRetriesPerRequest: null });
