/** Changes of the cache → the routes. The only place where wire objects get their types. */
import type { Change } from '../kernel/caches.ts';
import { endpointSlices, modelServices } from '../api/resources.ts';
import type { RoutedService, RoutedSlice, Routes } from './routes.ts';

/** Hands every change of the two kinds to `routes`. */
export function feed(routes: Routes): (change: Change) => void {
  return ({ resource, kind, object }) => {
    if (resource.kind === modelServices.kind) {
      const service = object as RoutedService;
      if (kind === 'put') routes.putService(service);
      else routes.removeService(service);
    } else if (resource.kind === endpointSlices.kind) {
      const slice = object as RoutedSlice;
      if (kind === 'put') routes.putSlice(slice);
      else routes.removeSlice(slice);
    }
  };
}
