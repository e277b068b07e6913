import { library } from '../../.config/tsup.ts';

export default library({
  index: 'src/index.ts',
  backend: 'src/backend/index.ts',
  driver: 'src/driver/index.ts',
  runtime: 'src/runtime/index.ts',
  http: 'src/http/index.ts',
});
