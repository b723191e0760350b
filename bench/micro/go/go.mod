module lend/bench/micro

go 1.19
