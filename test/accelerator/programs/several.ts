// Runs the programs that its arguments name one after the other in the same workers: what a process costs at its start is paid once. The main process prints "program NAME" before each.
for (const name of process.argv.slice(2)) {
  if ((process.env.RANK ?? "0") === "0") console.log(`program ${name}`);
  await import(new URL(`./${name}.js`, import.meta.url).href);
}
