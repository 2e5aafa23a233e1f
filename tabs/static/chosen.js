(chosen) => chosen
