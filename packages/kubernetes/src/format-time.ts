import type { Clock } from '@autocluster/core/backend';

const UTC = new Intl.DateTimeFormat('en-US', {
  calendar: 'gregory',
  numberingSystem: 'latn',
  timeZone: 'UTC',
  hourCycle: 'h23',
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
});

/** The time of day as Kubernetes' MicroTime, which takes six digits and no other number of them. For people only. */
export function microTime(clock: Clock): string {
  const parts = new Map(UTC.formatToParts(clock.wallMs()).map(({ type, value }) => [type, value]));
  const part = (type: Intl.DateTimeFormatPartTypes): string => parts.get(type) ?? '';
  const day = [part('year').padStart(4, '0'), part('month'), part('day')].join('-');
  const time = [part('hour'), part('minute'), part('second')].join(':');
  return `${day}T${time}.${part('fractionalSecond')}000Z`;
}
