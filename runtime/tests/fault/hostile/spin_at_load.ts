/** Never finishes loading. */
while (true);
