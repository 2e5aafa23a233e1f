(text) => [text.split(",").map((name) => name.trim())]
