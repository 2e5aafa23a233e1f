(drawing) => JSON.stringify(drawing)
