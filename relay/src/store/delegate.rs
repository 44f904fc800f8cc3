//! Reads of a store that another one answers.

/// The methods of [`Store`](crate::store::Store) that only read, answered by the store
/// that an expression names.
#[doc(hidden)]
#[macro_export]
macro_rules! reads_from {
    ($self:ident => $store:expr) => {
        async fn origins(
            &$self,
            kind: $crate::store::Kind,
            window: $crate::store::Window,
        ) -> Result<Vec<$crate::store::OriginState>, $crate::store::StoreError> {
            $store.origins(kind, window).await
        }

        async fn headers(
            &$self,
            origin: ::tessera::wire::Origin,
            kind: $crate::store::Kind,
            after: Option<u64>,
            most: usize,
            window: $crate::store::Window,
        ) -> Result<Vec<::tessera::wire::BatchHeader>, $crate::store::StoreError> {
            $store.headers(origin, kind, after, most, window).await
        }

        async fn heads(
            &$self,
            origin: ::tessera::wire::Origin,
            kind: $crate::store::Kind,
        ) -> Result<Vec<$crate::store::Head>, $crate::store::StoreError> {
            $store.heads(origin, kind).await
        }

        async fn forks(
            &$self,
        ) -> Result<Vec<::tessera::wire::Fork>, $crate::store::StoreError> {
            $store.forks().await
        }

        async fn contents(
            &$self,
            bucket: ::tessera::wire::BucketId,
            window: $crate::store::Window,
        ) -> Result<$crate::store::Contents, $crate::store::StoreError> {
            $store.contents(bucket, window).await
        }

        async fn batch(
            &$self,
            bucket: ::tessera::wire::BucketId,
            origin: ::tessera::wire::Origin,
            epoch: u64,
        ) -> Result<$crate::store::Found<Vec<u8>>, $crate::store::StoreError> {
            $store.batch(bucket, origin, epoch).await
        }

        async fn fold_batches<T: Send + 'static>(
            &$self,
            chain: (::tessera::wire::BucketId, ::tessera::wire::Origin),
            epochs: Vec<u64>,
            first: T,
            add: impl FnMut(T, &[u8]) -> Result<Option<T>, $crate::store::StoreError>
            + Send
            + 'static,
        ) -> Result<Option<T>, $crate::store::StoreError> {
            $store.fold_batches(chain, epochs, first, add).await
        }

        async fn segment(
            &$self,
            bucket: ::tessera::wire::BucketId,
            origin: ::tessera::wire::Origin,
            number: u64,
        ) -> Result<
            $crate::store::Found<$crate::store::Segment>,
            $crate::store::StoreError,
        > {
            $store.segment(bucket, origin, number).await
        }

        async fn held(
            &$self,
            kind: $crate::store::Kind,
        ) -> Result<bool, $crate::store::StoreError> {
            $store.held(kind).await
        }
    };
}
