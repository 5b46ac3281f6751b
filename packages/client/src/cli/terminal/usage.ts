import { Command, type OutputConfiguration } from 'commander';

/** Commander's errors in the form of all our errors. */
export const IN_OUR_WORDS: OutputConfiguration = {
  outputError: (text, write) => {
    const ours = text
      .replace(/^error: (?:command-argument value ('.*') is invalid for argument '(.*)'\.)?/u, (_, value, name) =>
        value === undefined ? 'countersign: ' : `countersign: ${String(value)} is no ${String(name)}.`,
      )
      .replace(/\n\(Did you mean (.*)\?\)\n$/u, '; did you mean $1?\n');
    write(ours);
  },
};

/** Takes the place of Commander's, which belongs to no group. */
export function helpCommand(): Command {
  return new Command('help').argument('[verb]').description('explains a verb, as --help after it').helpGroup('Help:');
}

/** After what was typed wrongly, every verb says how it is typed. */
export function explainUsage(command: Command, path = command.name()): void {
  command.showHelpAfterError(`  Usage: ${path} ${command.usage()}\n  → \`${path} --help\` explains it.`);
  for (const verb of command.commands) explainUsage(verb, `${path} ${verb.name()}`);
}

/** A verb in a list of verbs, without the options all of them have. */
export function verbAndArguments(verb: Command): string {
  const words = verb.registeredArguments.map((argument) => {
    const name = argument.variadic ? `${argument.name()}...` : argument.name();
    return argument.required ? `<${name}>` : `[${name}]`;
  });
  return [verb.name(), ...words].join(' ');
}
