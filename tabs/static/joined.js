(names) => names.join(", ")
