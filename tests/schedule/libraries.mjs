// Asks the cron libraries of npm for make_cases.py: a JSON line in, a JSON line out.
// in:  {"id", "expression", "zone", "from" (s), "count", "previous", "wildcard"}
// out: {"id", library: [seconds ...] or null when it refuses or has no such direction}
// The modules are found in $NODE_MODULES; make_cases.py tells how they come there.
import {createRequire} from 'node:module';
import readline from 'node:readline';

const require = createRequire(process.env.NODE_MODULES + '/');
const {CronExpressionParser} = require('cron-parser');
const {Cron} = require('croner');
const {CronosExpression} = require('cronosjs');

function cronParser(ask) {
    const options = {currentDate: new Date(ask.from * 1000), tz: ask.zone};
    const iterator = CronExpressionParser.parse(ask.expression, options);
    return Array.from({length: ask.count},
                      () => (ask.previous ? iterator.prev() : iterator.next()).toDate());
}

function croner(ask, rule) {
    const expression = ask.expression.replace(/([a-z0-9]+)L$/i, '$1#L');
    const cron = new Cron(expression, {timezone: ask.zone, paused: true, fixedTimeRule: rule});
    const from = new Date(ask.from * 1000);
    return ask.previous ? cron.previousRuns(ask.count, from) : cron.nextRuns(ask.count, from);
}

function cronos(ask, options) {
    return ask.previous ? null
        : CronosExpression.parse(ask.expression, {timezone: ask.zone, ...options})
              .nextNDates(new Date(ask.from * 1000), ask.count);
}

// As they come, and (the second of each) with the options that are nearest to our rule.
const libraries = {
    'cron-parser': cronParser,
    'croner': ask => croner(ask, 'single-value'),
    'croner/no-wildcard': ask => croner(ask, 'no-wildcard'),
    'cronosjs': ask => cronos(ask, {}),
    'cronosjs/vixie': ask => cronos(ask, ask.wildcard
        ? {missingHour: 'skip', skipRepeatedHour: false}
        : {missingHour: 'insert', skipRepeatedHour: true}),
};

for await (const line of readline.createInterface({input: process.stdin})) {
    const ask = JSON.parse(line);
    const answer = {id: ask.id};
    for (const [name, next] of Object.entries(libraries)) {
        try {
            answer[name] = next(ask)?.map(date => Math.floor(date.getTime() / 1000)) ?? null;
        } catch (error) {
            answer[name] = null;
        }
    }
    console.log(JSON.stringify(answer));
}
