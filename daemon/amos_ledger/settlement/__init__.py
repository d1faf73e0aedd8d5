"""Who earns what in a period: play by stem, apportionment, statements. Pure, exact integers."""
