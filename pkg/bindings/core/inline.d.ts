export declare const CORE: string;
